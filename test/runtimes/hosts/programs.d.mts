export const fromNpm: string;
export function packagedFile(scope: string, prefix: string, ...candidates: readonly string[]): string | undefined;
