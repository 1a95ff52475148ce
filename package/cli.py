"""The `concordant` command.  Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from concordant import __version__
from concordant.errors import BadInput


class Command(click.Group):
    """Bad input of every kind ends in one sentence and status 2; an interruption in status 130."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BadInput as error:
            click.echo(f"concordant: {error}", err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            click.echo("\nconcordant: interrupted; nothing was written", err=True)
            ctx.exit(130)


@click.group(cls=Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="concordant %(version)s")
def main() -> None:
    """A checked reference for the mathematics of diffusion models.

    DDPM, NCSN, score SDE and flow matching are one theory.  `concordant verify` checks that they are, on targets where
    everything is exactly known, says how closely, and writes the ledger.
    """


@main.command()
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="NAME|PATH",
    help="A built-in target, or a .npy, .npz or .csv file. May be repeated. All built-in ones if not given.",
)
@click.option(
    "--components",
    default=5,
    show_default=True,
    type=click.IntRange(min=1),
    help="Components of the mixture fitted to a file.",
)
@click.option(
    "--schedule", "schedules", multiple=True, metavar="NAME", help="A schedule. May be repeated. All if not given."
)
@click.option(
    "--claim", "claims", multiple=True, metavar="TAG|SLUG", help="A claim. May be repeated. All if not given."
)
@click.option("--seed", default=0, show_default=True, help="Fixes every random choice.")
@click.option("--dtype", default="float64", show_default=True, help="float64, or float32 where that makes sense.")
@click.option(
    "--quick", "design", flag_value="quick", help="One cell an agreement, one wrong formula a claim: under a minute."
)
@click.option("--full", "design", flag_value="full", help="Every cell: half an hour.")
@click.option(
    "--workers", default=0, metavar="N", type=click.IntRange(min=0), help="Processes; one a core if not given."
)
@click.option(
    "--json", "path", type=click.Path(path_type=Path), help="Write the ledger to this file (- for standard output)."
)
def verify(path: Path | None, design: str | None, **options: Any) -> None:
    """Run the agreements and show how closely they hold.

    Without --quick or --full a covering design is run: each agreement on every target and on every schedule, and every
    target under every schedule by some agreement.  Exit status: 0 all held, 1 something failed, 2 bad input.
    """
    from rich.console import Console

    from concordant.proofs_tests import ledger, report
    from concordant.proofs_tests import verify as verifying

    if path is not None and str(path) != "-":
        ledger.check_writable(path)
    console, talk = Console(), Console(stderr=True)
    request = verifying.Request(design=design or "default", **options)  # type: ignore[arg-type]
    failed, notes = 0, []
    with report.progress(talk) as bar:

        def on_plan(plan: Any) -> None:
            bar.begin(plan.results)
            notes.extend(plan.notes)

        def on_result(result: Any) -> None:
            nonlocal failed
            failed += verifying.failed(result)
            bar.step(failed)

        made = verifying.verify(request, on_plan, on_result)
    if path is not None and str(path) == "-":
        click.echo(json.dumps(made, indent=1, ensure_ascii=False))
        for line in notes:
            click.echo(f"concordant: {line}", err=True)
    else:
        report.show(console, made, notes)
        if path is not None:
            ledger.write(made, path)
    sys.exit(0 if ledger.holds(made) else 1)


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.argument("topic", required=False)
def list_claims(topic: str | None, as_json: bool) -> None:
    """List the claims, all or of one TOPIC."""
    from dataclasses import asdict

    from concordant.errors import unknown
    from concordant.theory import registry

    if topic is not None and topic not in registry.TOPICS:
        raise unknown("topic", topic, registry.TOPICS)
    chosen = [claim for claim in registry.claims().values() if topic in (None, claim.topic)]
    if as_json:
        click.echo(json.dumps([asdict(claim) for claim in chosen], indent=1, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("tag", "slug", "title", "topic", "section", box=None, pad_edge=False, header_style="bold")
    for claim in chosen:
        table.add_row(claim.tag, claim.slug, claim.title, claim.topic, claim.section)
    Console().print(table)


@main.command()
@click.argument("claim", metavar="TAG|SLUG")
@click.option("--latex", "form", flag_value="latex", help="The derivation in LaTeX.")
@click.option("--sympy", "form", flag_value="sympy", help="A script that checks an instance with SymPy alone.")
@click.option("--json", "form", flag_value="json", help="Everything, for machines.")
def show(claim: str, form: str | None) -> None:
    """Show one claim: what it says, what it needs, how it is derived and checked, what rests on it."""
    from dataclasses import asdict

    from concordant.theory import registry

    one = registry.claim(claim)
    if form == "sympy":
        from concordant.theory.instances import script

        text = script(one.slug)
        if text is None:
            raise BadInput(f"claim {one.tag} has no script")
        click.echo(text, nl=False)
        return
    from concordant.proofs_tests import telling
    from concordant.theory.derivation import derive

    derivation = derive(one.slug)
    if form == "latex":
        if derivation is None:
            raise BadInput(f"claim {one.tag} has no derivation")
        click.echo(telling.latex(one, derivation))
        return
    from concordant.proofs_tests.agreements import AGREEMENTS

    agreements = [a for a in AGREEMENTS.values() if a.claim == one.slug]
    if form == "json":
        entries = [
            {
                "name": a.name,
                "statement": a.statement,
                "tolerance_class": a.tolerance.name,
                "tolerance": a.bound if a.bound is not None else a.tolerance.float64,
                "because": a.because,
                "wrong_formulas": [b.description for b in a.breaks],
            }
            for a in agreements
        ]
        whole = {
            **asdict(one),
            "used_by": registry.used_by(one.slug),
            "derivation": None if derivation is None else telling.data(derivation),
            "agreements": entries,
        }
        click.echo(json.dumps(whole, indent=1, ensure_ascii=False))
        return
    from rich.console import Console

    from concordant.proofs_tests.report import show_claim

    console = Console()
    show_claim(console, one, agreements, None if derivation is None else lambda: telling.tell(console, derivation))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def axioms(as_json: bool) -> None:
    """List all that the derivations assume: rules, axioms and hypotheses, each with the claims that need it."""
    from concordant.proofs_tests import telling

    found = telling.assumed()
    if as_json:
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
        return
    from rich.console import Console

    telling.tell_assumed(Console(), found)


if __name__ == "__main__":
    main()
