/** Number format of activations between devices. `f32` by default, so that a split changes nothing. */
export const WIRE_DTYPES = ['f32', 'f16'] as const;
export type WireDtype = (typeof WIRE_DTYPES)[number];

export function bytesPerValue(dtype: WireDtype): number {
  return dtype === 'f32' ? 4 : 2;
}
