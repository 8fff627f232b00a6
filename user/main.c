// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "cli/commands.h"
#include "session/launch.h"
#include "util/log.h"

int main(int argc, char **argv)
{
	struct mt_launch_signals inherited;
	struct mt_options options;

	mt_launch_signals_save(&inherited);
	if (mt_options_parse(&options, argc, argv))
		return MT_EXIT_USAGE;
	mt_log_set_level(options.verbosity);
	switch (options.command) {
	case MT_COMMAND_RECORD:
		return mt_command_record(&options, &inherited);
	case MT_COMMAND_REPORT:
		return mt_command_report(&options);
	case MT_COMMAND_DIFF:
		return mt_command_diff(&options);
	case MT_COMMAND_EXPORT:
		return mt_command_export(&options);
	case MT_COMMAND_DOCTOR:
		return mt_command_doctor(&options);
	default:
		return MT_EXIT_USAGE;
	}
}
