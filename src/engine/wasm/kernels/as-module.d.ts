/** What the build makes of an AssemblyScript source. */
declare module '*.as' {
  export const wasmBase64: string;
}
