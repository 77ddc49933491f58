# Sourced by scripts/start and scripts/test: finds a Python, makes .venv, sets it up. Sets $root and $bin.
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
bin="$root/.venv/bin"

suits() { "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; }

if ! { [ -x "$bin/python" ] && "$bin/python" -c 'import pip' 2>/dev/null; }; then
  python=
  for candidate in ${VOICE_PYTHON:+"$VOICE_PYTHON"} python3 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null && suits "$candidate"; then
      python="$candidate"
      break
    fi
  done
  if [ -z "$python" ]; then
    cat >&2 <<'MESSAGE'
voice needs Python 3.11, 3.12 or 3.13 with its venv module, and found none. Install one:
  Debian, Ubuntu   sudo apt install python3 python3-venv
  Fedora           sudo dnf install python3.13
  macOS            brew install python@3.13
or name one: VOICE_PYTHON=/path/to/python3 scripts/start
MESSAGE
    exit 1
  fi
  "$python" -m venv --clear "$root/.venv" || { echo "could not make $root/.venv: is there space, and may it be written?" >&2; exit 1; }
fi
(cd "$root" && exec "$bin/python" -m scripts.setup "$profile")
