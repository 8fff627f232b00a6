// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// What the compilers of the benchmark compile; headers are most of it, as in most programs.
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

int main()
{
	std::map<std::string, std::vector<int>> lines_of;
	std::unordered_map<int, std::unique_ptr<std::string>> lines;
	std::string line, word;

	for (int number = 0; std::getline(std::cin, line); number++) {
		std::istringstream words(line);

		while (words >> word)
			lines_of[word].push_back(number);
		lines[number] = std::make_unique<std::string>(line);
	}
	for (auto &[text, numbers] : lines_of) {
		std::sort(numbers.begin(), numbers.end(), std::greater<>());
		std::cout << text << ' ' << std::accumulate(numbers.begin(), numbers.end(), 0)
			  << '\n';
	}
	return lines.empty();
}
