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
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_obj
def token_add(directory: Path | None, topic: str, name: str, as_json: bool) -> None:
    """Make a token for the private TOPIC, and show the addresses that it makes.

    Example: aggregator token add china-russia --for "desk"
    """
    if not name.strip():
        raise click.BadParameter("say who the token is for, so that it can be told from others", param_hint="--for")
    with failing_well():
        import secrets

        from aggregator import alert_feed, compose, editions, tokens
        from aggregator import config as configuration
        from aggregator.errors import StateError
        from aggregator.models import Token
        from aggregator.store import tokens as stored_tokens

        config = configuration.load(configuration.find(directory))
        private = [slug for slug, one in config.topics.items() if one.private]
        private += [alert_feed.SLUG] if config.settings.operator_feed == "private" else []
        if topic not in private:
            known = ", ".join(private) or "none has `private: true`"
            raise StateError(f"{topic}: not a private topic of topics.yaml ({known})")
        fresh, now = secrets.token_urlsafe(32), datetime.now(UTC)
        made = Token(secrets.token_hex(4), topic, name, tokens.digest(fresh), now)
        with reading(config) as database:
            stored_tokens.add(database, made)
        base_url, found = config.settings.base_url, config.topics.get(topic)
        names = [edition.name for edition in editions.of_topic(topic, found)] if found else [topic]
        addresses = {name: compose.urls(name, base_url, private=True, token=fresh) for name in names}
        if as_json:
            click.echo(
                json.dumps({"id": made.id, "topic": topic, "name": name, "addresses": addresses[topic]}, indent=1)
            )
            return
        click.echo(f"{topic}, for {name}: shown this once, works within {tokens.NOTICED_SECONDS} seconds")
        for address in chain.from_iterable(urls.values() for urls in addresses.values()):
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
