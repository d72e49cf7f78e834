/** What the build makes of an AssemblyScript source. */
declare module '*.as' {
  /** WebAssembly, packed with gzip, in base64. */
  export const gzippedWasm: string;
}
