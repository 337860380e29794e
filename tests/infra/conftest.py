"""A stand-in for the AWS CLI."""

from pathlib import Path

import pytest

STATUS = '{"newest_run": 1, "loaded_run": 1, "comparable": true, '
STATUS += '"tables": [{"table": "dim_staff", "expected": 1, "there": 1}]}'


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    """Return an `aws` that records its calls in the file `asked` beside it, and answers like inspect."""
    fake = tmp_path / "aws"
    fake.write_text(
        "#!/usr/bin/env bash\n"
        f"printf '%s\\n' \"$*\" >>{tmp_path}/asked\n"
        f"printf '%s' '{STATUS}' >\"${{!#}}\"\n"
        "printf '{\"StatusCode\": 200}'\n"
    )
    fake.chmod(0o755)
    return fake
