/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * ranking.h: processes by what they cost.
 *
 * Largest peak RSS first, unknown last, then in the order of the model. The caller frees the
 * array; its entries are the model's. Pure over a const model: thread-safe. Returns 0 or
 * -ENOMEM.
 */
#ifndef MT_ANALYSIS_RANKING_H
#define MT_ANALYSIS_RANKING_H

#include "model/model.h"

int mt_ranking_new(const struct mt_model_process ***out, const struct mt_model *m);

#endif
