# Sourced by ./run and ./test from the project's root: makes .venv from requirements with hashes, once.
# The file to install is named in $requirements.

# shellcheck shell=sh
python=${PYTHON:-python3}

say() { printf '%s\n' "$*" >&2; }

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    say "aggregator needs Python 3.11 or newer as python3 (or named in PYTHON)"
    exit 1
}
stamp=.venv/stamp-$(basename "$requirements" .txt)
base=$("$python" -c 'import sys; print(sys.base_prefix, sys.version)'; pwd -P)
want=$(cat requirements*.txt tools/setup.sh | sha256sum; printf '%s\n' "$base")
if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
    "$python" -c 'import ensurepip, venv' 2>/dev/null || {
        say "python3-venv is missing: apt-get install python3-venv"
        exit 1
    }
    say "setting up .venv (once, about a minute) ..."
    rm -f .venv/stamp-*
    # With another Python, or moved to another place, nothing in an old .venv is of use.
    clear=
    [ ! -e .venv/base ] || [ "$(cat .venv/base)" = "$base" ] || clear=--clear
    "$python" -m venv $clear .venv
    printf '%s\n' "$base" > .venv/base
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-boot.txt
    # feedgen comes as source only: built with the setuptools of requirements-boot.txt, not with one fetched unseen.
    .venv/bin/uv pip install -q --python .venv/bin/python --no-build-isolation-package feedgen \
        --require-hashes -r "$requirements"
    # The project itself is used from where it lies; a file in site-packages puts it on the path.
    pwd -P > "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/aggregator-checkout.pth"
    printf '%s\n' "$want" > "$stamp"
    # The test requirements contain the others.
    [ "$requirements" != requirements-test.txt ] || cp "$stamp" .venv/stamp-requirements
fi
