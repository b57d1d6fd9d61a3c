"""Child processes of tests: waited for with patience, and never left behind.

A machine may be busy: a time limit here tells a child that hangs from one that is slow.
"""

PATIENCE_S = 900


def ended(running):
    """Exit statuses of processes, all of which have ended."""
    try:
        return [process.wait(PATIENCE_S) for process in running]
    finally:
        end(*running)


def end(*running):
    """Kill what still runs."""
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait()
