/** Dawn for Node, which only the bench installs: the part of it that is used, so that types are checked without it. */
declare module 'webgpu' {
  /** WebGPU's global classes and constants. */
  export const globals: object;
  export function create(options: readonly string[]): GPU;
}
