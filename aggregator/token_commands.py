"""The commands `aggregator token …`: who may read private topics."""

import json
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import click

from aggregator.commands import failing_well, reading


@click.group()
def token() -> None:
    """Say who may read private topics: one token for each subscriber, which can be revoked.

    A token stands in the address of a feed. It is shown once; what is stored does not give it away.

    Example: aggregator token add china-russia --for "desk"
    """


@token.command("add")
@click.argument("topic")
@click.option("--for", "name", required=True, metavar="NAME", help="Who it is for, in your own words.")
@click.pass_obj
def token_add(directory: Path | None, topic: str, name: str) -> None:
    """Make a token for the private TOPIC, and show the addresses that it makes.

    Example: aggregator token add china-russia --for "desk"
    """
    with failing_well():
        import secrets

        from aggregator import compose, digests, tokens
        from aggregator import config as configuration
        from aggregator.errors import StateError
        from aggregator.models import Token
        from aggregator.store import tokens as stored_tokens

        config = configuration.load(configuration.find(directory))
        found = config.topics.get(topic)
        if found is None or not found.private:
            known = ", ".join(slug for slug, one in config.topics.items() if one.private) or "none has `private: true`"
            raise StateError(f"{topic}: not a private topic of topics.yaml ({known})")
        fresh, now = secrets.token_urlsafe(32), datetime.now(UTC)
        with reading(config) as database:
            stored_tokens.add(database, Token(secrets.token_hex(4), topic, name, tokens.digest(fresh), now))
        click.echo(f"{topic}, for {name}: shown this once, works within {tokens.NOTICED_SECONDS} seconds")
        base_url, feeds = config.settings.base_url, digests.names(topic, found)
        addresses = (compose.urls(feed, base_url, private=True, token=fresh).values() for feed in feeds)
        for address in chain.from_iterable(addresses):
            click.echo(f"  {address}")


@token.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_obj
def token_list(directory: Path | None, as_json: bool) -> None:
    """Show all tokens: by what name to revoke them, for whom they are, when they were used last.

    Example: aggregator token list
    """
    with failing_well():
        from aggregator import config as configuration
        from aggregator import show
        from aggregator.store import tokens as stored_tokens

        config = configuration.load(configuration.find(directory))
        with reading(config) as database:
            facts = show.tokens(stored_tokens.every(database))
        if as_json:
            click.echo(json.dumps(facts, indent=1, ensure_ascii=False, default=str))
        else:
            click.echo("\n".join(show.token_lines(facts, datetime.now(UTC))))


@token.command("revoke")
@click.argument("token_id", metavar="ID")
@click.pass_obj
def token_revoke(directory: Path | None, token_id: str) -> None:
    """Take a token back: its addresses lead nowhere any more. ID is what `token list` shows.

    Example: aggregator token revoke 5f2c9a01
    """
    with failing_well():
        from aggregator import config as configuration
        from aggregator import tokens
        from aggregator.errors import StateError
        from aggregator.store import tokens as stored_tokens

        config = configuration.load(configuration.find(directory))
        with reading(config) as database:
            if not stored_tokens.revoke(database, token_id):
                raise StateError(f"{token_id}: there is no such token; `aggregator token list` shows them")
        click.echo(f"revoked; a running daemon refuses it within {tokens.NOTICED_SECONDS} seconds")
