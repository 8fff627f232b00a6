/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* version.h: what --version says. */
#ifndef MT_CLI_VERSION_H
#define MT_CLI_VERSION_H

#define MT_VERSION "0.1"

#endif
