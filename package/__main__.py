"""`python -m concordant` is the `concordant` command."""

from concordant.cli import main

main()
