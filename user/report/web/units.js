// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// Numbers for people. Unknown is null, and a dash.

const NONE = "\u2013";
const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const TIME_UNITS = [["ns", 1e3], ["\u00b5s", 1e3], ["ms", 1e3], ["s", Infinity]];

const GROUPED = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

const known = (value) => value !== null && value !== undefined;

export function bytes(value) {
  if (!known(value))
    return NONE;
  let unit = 0;
  let size = Math.abs(value);
  while (size >= 1023.5 && unit < BYTE_UNITS.length - 1) {
    size /= 1024;
    unit++;
  }
  const digits = unit === 0 ? 0 : size < 10 ? 2 : size < 100 ? 1 : 0;
  return `${value < 0 ? "-" : ""}${size.toFixed(digits)} ${BYTE_UNITS[unit]}`;
}

export function count(value) {
  return known(value) ? GROUPED.format(value) : NONE;
}

export function things(value, one) {
  return `${count(value)} ${one}${value === 1 ? "" : "s"}`;
}

export function percent(value) {
  if (!known(value))
    return NONE;
  return `${value.toFixed(value !== 0 && Math.abs(value) < 0.1 ? 2 : 1)}%`;
}

export function share(part, whole) {
  return known(part) && whole ? percent((100 * part) / whole) : NONE;
}

export function seconds(value) {
  return known(value) ? `${value.toFixed(2)} s` : NONE;
}

export function nanoseconds(value) {
  if (!known(value))
    return NONE;
  for (const [unit, step] of TIME_UNITS) {
    if (value < step)
      return `${value < 10 && unit !== "ns" ? value.toFixed(1) : Math.round(value)} ${unit}`;
    value /= step;
  }
  return NONE;
}

export function text(value) {
  return known(value) && value !== "" ? String(value) : NONE;
}
