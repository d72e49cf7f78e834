/** What the build makes of an AssemblyScript source in `assembly/`. */
declare module '*/assembly/index.ts?wasm' {
  /** WebAssembly, packed with gzip, in base64. */
  export const gzippedWasm: string;
}
