/** Values of the WebGPU specification that TypeScript's libraries declare only as types. */
export const BUFFER_USAGE = { MAP_READ: 0x1, COPY_SRC: 0x4, COPY_DST: 0x8, UNIFORM: 0x40, STORAGE: 0x80 } as const;
export const MAP_MODE_READ = 0x1;
export const STAGE_COMPUTE = 0x4;

/** Largest alignment that a device may ask of an offset into a bound buffer, bytes (default of the specification). */
export const BINDING_ALIGN_BYTES = 256;

export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
