/**
 * Keeps the screen on while this device is needed, as far as the browser allows: phones stop a page seconds after the
 * screen locks. The browser drops the lock whenever the page is hidden, so it is asked for again when it comes back.
 *
 * @returns what lets the screen sleep again
 */
export function keepAwake(): () => void {
  let sentinel: WakeLockSentinel | null = null;
  let wanted = true;
  const request = async () => {
    if (!wanted || document.visibilityState !== 'visible' || !('wakeLock' in navigator)) return;
    // Refused on low battery, for one: the page works without, and its text asks to keep the screen on.
    const lock = await navigator.wakeLock.request('screen').catch(() => null);
    if (wanted) sentinel = lock;
    else await lock?.release();
  };
  const onVisible = () => void request();
  document.addEventListener('visibilitychange', onVisible);
  void request();
  return () => {
    wanted = false;
    document.removeEventListener('visibilitychange', onVisible);
    void sentinel?.release();
  };
}
