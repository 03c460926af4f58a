"""Two special functions in single precision; SciPy's take as long to import as a stack takes to sharpen.

References:
    Abramowitz and Stegun 1964, Handbook of mathematical functions, 7.1.26, 9.4.4 and 9.4.6.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.polynomial.polynomial import polyval

NEAR_ZERO = (0.5, -0.56249985, 0.21093573, -0.03954289, 0.00443319, -0.00031761, 0.00001109)
AMPLITUDE = (0.79788456, 0.00000156, 0.01659667, 0.00017105, -0.00249511, 0.00113653, -0.00020033)
PHASE = (-2.35619449, 0.12499612, 0.00005650, -0.00637879, 0.00074348, 0.00079824, -0.00029166)
ERF_SCALE = 0.3275911
ERF = (0.0, 0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


def disc_spectrum(x: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return 2 J1(x) / x, the Fourier transform of a disc of unit weight, for x >= 0; within 1e-7."""
    near = polyval((np.minimum(x, 3.0) / 3.0) ** 2, NEAR_ZERO)
    large = np.maximum(x, 3.0)
    inverse = 3.0 / large
    far = polyval(inverse, AMPLITUDE) * np.cos(large + polyval(inverse, PHASE)) / (large * np.sqrt(large))
    return np.asarray(2.0 * np.where(x < 3.0, near, far))


def erf(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the error function in float32; within 1e-6."""
    size = np.abs(x)
    share = 1.0 / (1.0 + np.float32(ERF_SCALE) * size)
    rest = polyval(share, np.array(ERF, np.float32)) * np.exp(-size * size)
    return np.asarray(np.copysign(np.float32(1.0) - rest, x))
