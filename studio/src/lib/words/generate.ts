// Words of Generate.
export const en = {};

export const zhTW: typeof en = {};
