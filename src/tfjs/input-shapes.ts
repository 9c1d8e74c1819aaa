/** The shape that is asked for an input, by its name and its place among all. */
export type KnownInputShape = (name: string, position: number) => readonly number[] | undefined;
