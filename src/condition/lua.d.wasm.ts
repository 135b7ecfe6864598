/** The file that the build writes beside the compiled sources. */
declare const module: WebAssembly.Module;
// biome-ignore lint/style/noDefaultExport: this is how bundlers for Workers give a module of WebAssembly
export default module;
