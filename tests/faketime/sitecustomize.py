"""For `make test-dates`: under `faketime` 0.9.10, `time.sleep` fails where the monotonic clock is left alone."""

import select
import time


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep
