import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

/** Closer to the end than this counts as reading along, CSS pixels. */
const PINNED_PX = 80;

/** A scrolling list that follows its end while the reader is there, and stays put while they read further up. */
export function MessageList({ children }: { children: ComponentChildren }) {
  const frame = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => followEnd(frame.current!, content.current!), []);
  return (
    <section class="messages" ref={frame} aria-label="Conversation">
      <div class="messages-content" ref={content}>
        {children}
      </div>
    </section>
  );
}

function followEnd(frame: HTMLElement, content: HTMLElement): () => void {
  let pinned = true;
  const onScroll = () => {
    pinned = frame.scrollHeight - frame.scrollTop - frame.clientHeight < PINNED_PX;
  };
  const observer = new ResizeObserver(() => {
    if (pinned) frame.scrollTop = frame.scrollHeight;
  });
  frame.addEventListener('scroll', onScroll, { passive: true });
  observer.observe(content);
  return () => {
    frame.removeEventListener('scroll', onScroll);
    observer.disconnect();
  };
}
