# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
# An index of words by hash of arrays, sorted: small strings, growing tables.
use strict;
use warnings;

my (%index, $state);
$state = 1;
for my $line (1 .. 60000) {
	my @words;
	for (1 .. 10) {
		$state = ($state * 1103515245 + 12345) % 2147483648;
		push @words, "w" . $state % 20011;
	}
	push @{$index{$_}}, $line for split / /, join " ", @words;
}
my $sum = 0;
$sum += length(join ",", sort { $b <=> $a } @{$index{$_}}) for sort keys %index;
print "$sum\n";
