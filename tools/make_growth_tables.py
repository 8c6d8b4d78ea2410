#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Writes reference_app/growth/cdc_tables.cpp from a file of LMS figures.

    tools/make_growth_tables.py cdc2000_lms.csv > reference_app/growth/cdc_tables.cpp

The figures are those of the CDC growth charts of 2000 (Vital and Health Statistics, Series 11, Number 246), which are
in the public domain. The file has the columns measure,sex,x,l,m,s; sex 1 is male; x is the age in months. Run once;
the result is kept, so that a build needs neither this script nor the file.
"""

import csv
import sys

MEASURES = {"wt_age": "weight", "stat_age": "stature", "bmi_age": "bmi"}


def main():
    rows = {}
    with open(sys.argv[1], newline="") as source:
        for row in csv.DictReader(source):
            if row["measure"] in MEASURES:
                rows.setdefault((MEASURES[row["measure"]], row["sex"]), []).append(row)
    print("""// SPDX-License-Identifier: BSL-1.0
// Written by tools/make_growth_tables.py from the LMS figures of the CDC growth charts of 2000 (Vital and Health
// Statistics, Series 11, Number 246; in the public domain). One line holds three ages, each as L, M, S.
#include "growth/cdc_tables.hpp"

namespace claims_app {

namespace {

// clang-format off""")
    for (measure, sex), found in sorted(rows.items()):
        ages = [float(row["x"]) for row in found]
        first = 0.5 if ages[0] == 0 else ages[0]
        whole = ages[1:-1] if ages[0] == 0 else ages[:-1]
        if whole != [first + i for i in range(len(whole))] or ages[-1] != 240:
            sys.exit(f"{measure} {sex}: the ages are not where the program looks for them")
        name = f"{measure}_of_{'boys' if sex == '1' else 'girls'}"
        print(f"constexpr lms {name}[] = {{")
        texts = ["{" + ", ".join(row[column] for column in "lms") + "}" for row in found]
        for i in range(0, len(texts), 3):
            print("    " + ", ".join(texts[i:i + 3]) + ",")
        print("};\n")
    print("""// clang-format on

}  // namespace

lms_table cdc_table(growth_measure measure, sex whose) {
  const bool is_boy = whose == sex::male;
  switch (measure) {
    case growth_measure::weight:
      return {is_boy ? lms_span(weight_of_boys) : lms_span(weight_of_girls), 0.0};
    case growth_measure::stature:
      return {is_boy ? lms_span(stature_of_boys) : lms_span(stature_of_girls), 23.5};
    case growth_measure::bmi:
      break;
  }
  return {is_boy ? lms_span(bmi_of_boys) : lms_span(bmi_of_girls), 23.5};
}

}  // namespace claims_app""")


if __name__ == "__main__":
    main()
