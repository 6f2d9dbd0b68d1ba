// Words of Lab.
export const en = {};

export const zhTW: typeof en = {};
