"""The special functions beside SciPy's."""

import numpy as np
from scipy import special

from focusgen.optics.special import disc_spectrum, erf


def test_the_spectrum_of_a_disc():
    x = np.concatenate([np.linspace(1e-6, 12.0, 50_001), np.linspace(12.0, 2000.0, 50_001)])
    assert np.abs(disc_spectrum(x) - 2.0 * special.j1(x) / x).max() <= 1e-7
    assert disc_spectrum(np.zeros(1)) == 1.0


def test_the_error_function():
    x = np.linspace(-7.0, 7.0, 100_001, dtype=np.float32)
    found = erf(x)
    assert found.dtype == np.float32
    assert np.abs(found - special.erf(x.astype(np.float64))).max() <= 1e-6
