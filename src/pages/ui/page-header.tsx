import type { ComponentChildren } from 'preact';

/** The way home, and which room this is. */
export function PageHeader({ code, children }: { code: string | null; children?: ComponentChildren }) {
  return (
    <header class="page-header">
      <a class="brand" href="/">
        <img src="/icon.svg" alt="" width="28" height="28" />
        <span class="brand-name">EdgeShard</span>
      </a>
      {code !== null && (
        <p class="room">
          Room <strong data-testid="room-code">{code}</strong>
        </p>
      )}
      {children}
    </header>
  );
}
