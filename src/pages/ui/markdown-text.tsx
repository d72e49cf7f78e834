import { useLayoutEffect, useRef } from 'preact/hooks';
import { renderMarkdown } from './markdown.ts';

/** Untrusted markdown as sanitised nodes. */
export function MarkdownText({ text }: { text: string }) {
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    place.current?.replaceChildren(renderMarkdown(text));
  }, [text]);
  return <div class="markdown" ref={place} />;
}
