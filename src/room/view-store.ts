import type { RoomDiagnostics, RoomView, SelfView } from './room-view.ts';

/** What a tab shows before it has heard of anything. */
export function initialView(donates: boolean, lendBytes: number | null): RoomView {
  const self: SelfView = {
    donates,
    engine: null,
    engineNote: null,
    measuring: false,
    profile: null,
    lendBytes: lendBytes ?? 0,
    load: null,
    notKept: null,
    stage: null,
    tokensServed: 0,
  };
  const diagnostics = { badServerMessages: 0, badPeerMessages: 0, droppedFrames: 0 };
  return { phase: 'connecting', error: null, selfId: null, isHost: false, room: null, links: [], self, diagnostics };
}

/** Holds the present view and tells its listeners of every change. */
export class ViewStore {
  private readonly listeners = new Set<(view: RoomView) => void>();
  private value: RoomView;

  constructor(initial: RoomView) {
    this.value = initial;
  }

  get current(): RoomView {
    return this.value;
  }

  subscribe(listener: (view: RoomView) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  update(change: Partial<RoomView>): void {
    this.value = { ...this.value, ...change };
    for (const listener of this.listeners) listener(this.value);
  }

  count(kind: keyof RoomDiagnostics): void {
    const { diagnostics } = this.value;
    this.update({ diagnostics: { ...diagnostics, [kind]: diagnostics[kind] + 1 } });
  }

  updateSelf(change: Partial<SelfView>): void {
    this.update({ self: { ...this.value.self, ...change } });
  }
}
