import pytest

pytest.register_assert_rewrite("tests.torture.judging", "tests.torture.scenes", "tests.torture.children")
