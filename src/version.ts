/** The version of this package, as every recipe records it. A test compares it with package.json. */
export const version = "0.1.0";
