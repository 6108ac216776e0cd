"""Set Tryton up for the tests: `python -m tests.tryton` makes .tryton/, in about a minute."""

from tests.tryton.server import HOME, environment, template

if __name__ == "__main__":
    HOME.mkdir(parents=True, exist_ok=True)
    environment(HOME)
    template(HOME)
