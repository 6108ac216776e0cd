"""Set Tryton up for the tests: `python -m tests.tryton` makes .tryton/, in about a minute."""

from tests.tryton.server import HOME, make_environment, make_template

if __name__ == "__main__":
    HOME.mkdir(parents=True, exist_ok=True)
    make_environment(HOME)
    make_template(HOME)
