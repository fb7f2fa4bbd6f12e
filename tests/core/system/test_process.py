import os
import subprocess
import sys

import pytest

from colorize_gan.core.system.process import telemetry_off

CONFIGURED = """
import logging, os
os.environ.pop("ORT_DISABLE_TELEMETRY", None); os.environ.pop("RAY_USAGE_STATS_ENABLED", None)
os.environ["SVT_LOG"] = "3"
from colorize_gan.core.system.process import configure_process
configure_process()
print(*(os.environ[name] for name in ("ORT_DISABLE_TELEMETRY", "RAY_USAGE_STATS_ENABLED", "SVT_LOG")),
      logging.getLogger("pyvips").level == logging.ERROR)
"""


def test_libraries_are_silent_and_what_the_user_says_stays() -> None:
    done = subprocess.run([sys.executable, "-c", CONFIGURED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0", "3", "True"]


@pytest.mark.parametrize("is_set", [True, False])
def test_telemetry_is_off_inside_the_block_only(is_set: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)
    if is_set:
        monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
        monkeypatch.setitem(sys.modules, "openvino_telemetry", sys)
    before = dict(os.environ), set(sys.modules)
    with telemetry_off():
        assert os.environ["ORT_DISABLE_TELEMETRY"] == ("0" if is_set else "1")
        assert sys.modules["openvino_telemetry"] is (sys if is_set else None)
    assert (dict(os.environ), set(sys.modules)) == before
