export interface Throttle {
  /** Runs the action now, or at the end of the running interval; any number of calls make one run. */
  request(): void;
  /** Drops what was requested and has not run yet. */
  cancel(): void;
}

/**
 * Runs `action` at most once per interval, first at once and last never lost.
 *
 * Built on a timer and not on requestAnimationFrame, which stops in a hidden tab.
 */
export function throttle(action: () => void, intervalMs: number): Throttle {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let wanted = false;
  const run = () => {
    wanted = false;
    timer = setTimeout(onInterval, intervalMs);
    action();
  };
  const onInterval = () => {
    timer = null;
    if (wanted) run();
  };
  return {
    request() {
      wanted = true;
      if (timer === null) run();
    },
    cancel() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      wanted = false;
    },
  };
}
