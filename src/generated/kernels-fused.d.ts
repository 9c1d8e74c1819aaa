/** The kernels with fused arithmetic in hexadecimal digits. `scripts/build.mjs` writes the module beside this declaration. */
export declare const kernelsText: string;
