import pytest

from focusgen.focal.learned.shards import StackSet
from tests.focal.learned.small import make_small_stacks


@pytest.fixture(scope="session")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> StackSet:
    return make_small_stacks(tmp_path_factory.mktemp("stacks"))
