/** The compiled kernels in base64. `scripts/build-packaged.mjs` writes the module beside this declaration. */
export declare const kernelsText: string;
