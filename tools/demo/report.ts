import type { ModelRequest } from '../../e2e/server.ts';
import type { Answer, PeerView, PlanView, View } from '../../e2e/tabs.ts';

/** What `--json` writes. */
export interface Report {
  model: { name: string; quantisation: string; nLayers: number };
  devices: DeviceReport[];
  plan: PlanView;
  answer: Answer;
}

export interface DeviceReport {
  peerId: number;
  name: string;
  profile: PeerView['profile'];
  /** [startLayer, endLayer) of its stage; null for a device without one. */
  layers: { startLayer: number; endLayer: number } | null;
  head: boolean;
  /** Of model files from the demo's own server. */
  downloadedBytes: number;
}

export function reportOf({ room }: View, answer: Answer, requests: readonly ModelRequest[]): Report {
  const { code, model, peers, plan } = room!;
  const { name, quantisation, nLayers } = model!;
  const devices = peers.map((peer) => {
    const stage = plan!.stages.find(({ peerId }) => peerId === peer.peerId);
    const downloads = requests.filter(({ device }) => device === `${code}-${peer.peerId}`);
    return {
      peerId: peer.peerId,
      name: peer.name,
      profile: peer.profile,
      layers: stage?.layers ?? null,
      head: stage?.head ?? false,
      downloadedBytes: downloads.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  });
  return { model: { name, quantisation, nLayers }, devices, plan: plan!, answer };
}
