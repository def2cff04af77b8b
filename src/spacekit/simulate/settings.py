"""What a set of simulated visits is made like."""

from __future__ import annotations

from dataclasses import dataclass, field

from spacekit.mosaic.nouns import PipelineSettings
from spacekit.simulate.draw import DrawSettings

__all__ = ["SimulationSettings"]


@dataclass(frozen=True)
class SimulationSettings:
    """What to make of each scene.

    Parameters
    ----------
    draw : DrawSettings
        What scenes are drawn from.
    pipeline : PipelineSettings
        Products to write; `align` is the visit's own (its spec says whether a fit is made).
    exposures : bool
        Keep the exposures (flt, flc) in a subfolder, with the poller file.
    """

    draw: DrawSettings = field(default_factory=DrawSettings)
    pipeline: PipelineSettings = field(default_factory=PipelineSettings)
    exposures: bool = False
