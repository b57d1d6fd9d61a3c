"""The reasons of a recommendation, and what to beware of, in words."""

from plexgrad.training.recommendation import Findings
from plexgrad.training.step_size import CALM, CLOSE, FADE, HELD


def reasons(found: Findings, eta: float, rule: str) -> tuple[str, ...]:
    """One sentence or two for each thing that was measured or chosen."""
    return (
        _noise(found),
        _amplitude(found),
        _curvature(found),
        _writes(found),
        _pilot(found),
        _tau_theta(found),
        _eta(found, eta, rule),
    )


def warnings(found: Findings) -> tuple[str, ...]:
    """What may spoil the recommendation."""
    terrain, said = found.terrain, []
    if found.ratio < 1:
        slots = found.method.layout.size / found.ratio
        said.append(
            f"Noise dominates: at the best amplitude the gradient stands "
            f"{found.ratio:.2g} times (in power) out of the noise of "
            f"{found.method.layout.size:,} slots, one per parameter; a ratio of 1 "
            f"takes {slots:,.0f} slots."
        )
    if terrain.least_update > 0:
        said.append(
            f"Small updates are lost: writes below {terrain.least_update:.2g} per "
            "parameter did not arrive."
        )
        if found.update < terrain.least_update:
            said.append(
                f"Even the longest window makes updates of {found.update:.2g} only."
            )
    last = found.segments[-1]
    if last.drop < -3 * last.error:
        said.append(
            f"The cost rose by {-last.drop:.2g} in the pilot: expect to need a "
            "smaller eta."
        )
    if max(found.method.rates(terrain, found.write_cost).values()) <= 0:
        said.append(
            "What writes add costs more than an update gains, for every tau_theta up "
            f"to {max(found.method.rates(terrain)):,}: training will stall."
        )
    return tuple(said)


def _noise(found: Findings) -> str:
    spread = found.segments[0].spread
    return (
        f"A reading of the cost has a noise of {found.terrain.noise:.3g} at a cost of "
        f"{found.terrain.level:.3g}; costs of different batches differ by {spread:.2g}."
    )


def _amplitude(found: Findings) -> str:
    scan, reference = found.scan, found.method.estimator.reference
    noise, seen = found.terrain.noise, "" if scan.departs else "at most "
    text = f"Slopes are linear and above the noise from {scan.least:.2g} to "
    text += f"{scan.most:.2g}. amplitude = {found.amplitude:.3g} "
    if scan.is_enough(scan.best_power(noise, reference), noise, reference):
        text += (
            "makes the noise small beside the crosstalk of the code, which no "
            "amplitude changes; a larger one departs further from linearity ("
        )
    else:
        text += "balances that noise against the departure from linearity ("
    text += f"{seen}{scan.cubic:.2g} times amplitude^4 in power"
    if reference != "antithetic":
        text += ", and the curvature that a baseline leaves in"
    text += ")."
    if scan.dead:
        text += f" Below {scan.dead:.2g} the knobs do not move the cost as they should."
    return text


def _curvature(found: Findings) -> str:
    terrain = found.terrain
    limit = found.method.limit(terrain, found.tau_theta)
    return (
        f"The curvature has the trace {terrain.trace:.3g} (root sum of squares "
        f"{terrain.bend:.3g}), so descent is unstable above eta = {limit:.3g} even "
        "without noise."
    )


def _writes(found: Findings) -> str:
    terrain, update = found.terrain, found.update
    error = terrain.write_variance(update) ** 0.5
    if error:
        return (
            f"A write of a typical update ({update:.2g} per parameter) has an error of "
            f"{error:.2g}."
        )
    return (
        f"Writes arrive, and show no error that matters beside an update of "
        f"{update:.2g} per parameter."
    )


def _pilot(found: Findings) -> str:
    last, terrain = found.segments[-1], found.terrain
    share = 100 * terrain.gradient / terrain.total
    slots = sum(segment.slots for segment in found.segments)
    return (
        f"A pilot of {slots} slots brought the cost to {last.cost:.3g}; the last "
        f"{last.slots} lowered it by {last.drop:.2g} ± {last.error:.1g}. Batches share "
        f"{share:.0f} % of a gradient power of {terrain.total:.2g}."
    )


def _tau_theta(found: Findings) -> str:
    rates = found.method.rates(found.terrain, found.write_cost)
    best = max(rates, key=lambda slots: rates[slots])
    first = min(rates)
    text = f"tau_theta = {found.tau_theta}: "
    if found.tau_theta == found.method.clock.tau_x:
        return text + (
            "an update with every sample; integrating longer would gain "
            f"{_ratio(rates[best], rates[first])} per evaluation at best."
        )
    return text + (
        f"the shortest window within {100 * (1 - CLOSE):.0f} % of the best "
        f"({best}), because writes cost or err; an update with every sample would gain "
        f"{rates[first] / rates[found.tau_theta]:.2g} times that."
    )


def _ratio(best: float, first: float) -> str:
    if first <= 0:
        return "nothing"
    return f"{100 * (best / first - 1):.0f} % more"


def _eta(found: Findings, eta: float, rule: str) -> str:
    terrain, method = found.terrain, found.method
    planned = method.planned(terrain)
    today = method.step(terrain, found.tau_theta)
    noise = method.noise(terrain, found.tau_theta, planned)
    shown = method.shown(terrain, found.tau_theta, planned)
    text = (
        f"eta = {eta:.3g} is for a gradient power of {planned:.2g} against "
        f"{noise + shown - planned:.2g} of crosstalk, batches and noise: "
    )
    if found.step == found.method.leap(found.start, found.tau_theta):
        text = (
            f"eta = {eta:.3g} makes updates as large as the range where slopes were "
            f"seen to hold, {found.scan.most:.2g}."
        )
    elif today < found.step:
        text = (
            f"eta = {eta:.3g} is as large as noise and stability allow: it may hold "
            f"up {100 * HELD:.0f} % of the cost in the end, or is {100 * CALM:.0f} % "
            f"of the stable limit. Today's gradient alone would ask for {today:.2g}, "
            "which is too small for what comes."
        )
    elif planned > FADE * terrain.gradient:
        text += (
            "on a plateau as here, where the gradient says nothing of what comes, what "
            f"the noise of the steps may hold up is {100 * HELD:.0f} % of the cost."
        )
    else:
        text += f"{FADE:g} times what the pilot saw, since the gradient will fade."
    if rule != "sgd":
        text += f" For {rule}; plain descent would take {found.step:.3g}."
    return text
