"""`tenthman lookahead`: does a feature change when the future is cut off? The desk's own, or a user's."""

from pathlib import Path
from typing import Annotated

import typer

from tenthman.cli.options import MarketOption, PackOption, chosen_market
from tenthman.cli.output import ConfigOption, JsonOption, complain, say, show_json, show_lines
from tenthman.cli.session import start
from tenthman.domain.errors import ConfigError

CUTS = 8
SECONDS = 300.0


def lookahead_command(
    feature: Annotated[
        str | None,
        typer.Option(
            help="Your own, as module:function (Panel in, array out); without it, all that the desk computes."
        ),
    ] = None,
    cuts: Annotated[int, typer.Option(min=1, max=10_000, help="At how many places to cut; more find more.")] = CUTS,
    seconds: Annotated[
        float, typer.Option(min=0.1, max=86_400.0, help="How long your own feature may take for one of the histories.")
    ] = SECONDS,
    market: MarketOption = None,
    pack: PackOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for look-ahead: compute with the history cut off and with all of it; any difference is a leak.

    Ends with 1 and names feature, ticker and date when there is one.
    """
    from tenthman.scheduler.models.lookahead import look_ahead, shipped_features
    from tenthman.scheduler.models.own_feature import OwnFeature

    config = start(config_directory)
    named = chosen_market(config, market, pack)
    if named is None:
        raise ConfigError("`--market` must be auto, pack, yahoo or practice here, was 'live'")
    own = None if feature is None else OwnFeature(feature, Path.cwd(), named.panel, seconds)
    compute = own or shipped_features(config, named)
    sessions = len(named.panel.sessions) - 1
    say(f"computing {feature or 'all features'} on {sessions:,} sessions")
    whole = compute(sessions)
    if own is not None:
        own.require_steady(sessions // 2)
    found = list(look_ahead(compute, whole, cuts, lambda done, total: say(f"cut {done} of {total}")))
    names, opened = whole.names, sorted(own.opened) if own else []
    if as_json:
        told = {"market": named.provenance.headline, "features": names, "cuts": cuts, "leaks": found, "opened": opened}
        show_json(told)
    else:
        show_lines([f"{named.provenance.headline}: {len(names)} features, {cuts} cuts"])
        show_lines([str(item) for item in found] or ["no value changed when the future was cut off"])
        show_lines([f"not tested, for no cut reaches it: what {feature} reads from {name}" for name in opened])
    if found:
        complain(f"look-ahead in {len(found)} of {len(names)} features: {', '.join(item.feature for item in found)}")
        raise typer.Exit(1)
