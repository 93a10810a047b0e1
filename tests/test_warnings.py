"""Warnings of our own are errors, wherever in the project they come from."""

import sys
import warnings

import pytest
import running

import tfapps


@pytest.mark.parametrize("module", [sys.modules[__name__], running, tfapps])
def test_a_warning_of_our_own_is_an_error(module):
    with pytest.raises(UserWarning, match="ours"):
        warnings.warn_explicit("ours", UserWarning, "file.py", 1, module=module.__name__)


def test_a_warning_of_a_library_is_none():
    with pytest.warns(UserWarning, match="theirs"):
        warnings.warn_explicit("theirs", UserWarning, "file.py", 1, module="numpy.core")
