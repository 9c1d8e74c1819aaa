/** No name of a file holds this character; nodes whose names do are not among a model's layers. */
export const mark = "\0";
