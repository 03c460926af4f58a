"""A hub that cannot be reached is heard, whatever library this release of its client sends requests by."""

from __future__ import annotations

import pytest
from huggingface_hub import HfApi, errors

from focusgen.models.hub_errors import hub_errors


@pytest.mark.parametrize(
    "name",
    ["HfHubHTTPError", "GatedRepoError", "LocalEntryNotFoundError", "OfflineModeIsEnabled"],
)
def test_every_refusal_of_the_client_is_among_them(name):
    assert issubclass(getattr(errors, name), hub_errors())


def test_a_connection_that_is_refused_is_among_them():
    """Nothing listens at port 9 of this machine."""
    with pytest.raises(hub_errors()):
        HfApi(endpoint="http://127.0.0.1:9").create_repo("a/b", repo_type="dataset", token="x")


def test_a_bug_of_ours_is_none():
    assert not issubclass(KeyError, hub_errors()) and not issubclass(TypeError, hub_errors())
    assert Exception not in hub_errors()
