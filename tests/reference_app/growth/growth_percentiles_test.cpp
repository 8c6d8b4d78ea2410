// SPDX-License-Identifier: BSL-1.0
#include "growth/growth_percentiles.hpp"

#include "importing/gz_source.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

using namespace claims_app;
using Catch::Matchers::WithinAbs;

namespace {

constexpr double exact = 1e-8;

// A visit and what the published program says about it. The extended figures are printed with fewer digits.
struct vector_row {
  child_measures child;
  double weight_z, stature_z, bmi_z_plain, bmi_z, bmi_percentile, bmi_at_95th, percent_of_95th;
};

// A few of the 13,875 visits of Synthea's children that growthcleanr (MIT licence) publishes with what the CDC's own
// program says about them: spread over ages and scores, with the extremes and with an L near zero.
const std::array<vector_row, 45> samples{{
    // clang-format off
    {{sex::male, 156.954, 57.8, 154.8, 24.12047887}, 1.0729854033, -0.241891626, 1.4757550841, 1.4757550841, 92.999517373, 25.212386893, 95.669160448},
    {{sex::female, 156.954, 76.3, 160.2, 29.73031526}, 2.0431313568, 0.3920330453, 2.0136554201, 1.9290654315, 97.31386301, 26.3365507, 112.88613911},
    {{sex::male, 59.3748, 20.8, 112.3, 16.49315811}, 0.9413847879, 0.8143133865, 0.8113185883, 0.8113185883, 79.140863101, 17.911611164, 92.080818184},
    {{sex::female, 230.1372, 69.9, 158, 28.00032046}, 1.0182381445, -0.81318426, 1.3048183573, 1.3048183573, 90.402264665, 31.128569809, 89.950552279},
    {{sex::male, 35.2104, 17, 102.3, 16.24417479}, 1.5276815262, 1.9378203525, 0.1628594455, 0.1628594455, 56.468544888, 18.317760894, 88.679914997},
    {{sex::female, 29.2272, 12.1, 84.024, 17.13873112}, -0.556016895, -1.441258856, 0.7460814887, 0.7460814887, 77.219090456, 18.664732001, 91.824147912},
    {{sex::female, 32.2188, 12.6, 85.8, 17.11575138}, -0.482164628, -1.513643089, 0.8573593548, 0.8573593548, 80.437684255, 18.468716258, 92.674288459},
    {{sex::female, 71.5728, 23.8, 122.68, 15.81355169}, 1.002797106, 1.5316702705, 0.3961223331, 0.3961223331, 65.399260821, 18.78261346, 84.192499216},
    {{sex::female, 41.1948, 13.2, 91.4, 15.80088964}, -0.899411316, -1.361627344, 0.2329873434, 0.2329873434, 59.211438306, 18.105056233, 87.273353015},
    {{sex::male, 120.3612, 39.4, 144.7, 18.81738019}, 1.0226032148, 0.8890823362, 0.8683421039, 0.8683421039, 80.739646037, 22.141718228, 84.986088235},
    {{sex::female, 108.1644, 26.9, 132, 15.43847567}, -0.430187497, -0.15929758, -0.449068415, -0.449068415, 32.669115203, 21.785068983, 70.867233341},
    {{sex::male, 29.2272, 14.7, 91.338, 17.62034223}, 0.843424898, 0.2436032117, 0.9490915959, 0.9490915959, 82.871298582, 18.784948445, 93.800322536},
    {{sex::male, 132.5592, 29.9, 132.4, 17.05670814}, -1.091803857, -1.647977243, -0.068495282, -0.068495282, 47.269568802, 23.218720742, 73.461015916},
    {{sex::male, 71.5728, 20.9, 117.9, 15.03552773}, 0.104393923, 0.5461007651, -0.285143229, -0.285143229, 38.776720594, 18.366928465, 81.861960525},
    {{sex::male, 181.3476, 70.4, 163.5, 26.33523179}, 1.1008573981, -0.872181435, 1.5615628451, 1.5615628451, 94.080449595, 26.89002102, 97.936821137},
    {{sex::male, 87.4524, 25.5, 117.7, 18.40717981}, 0.4474672189, -1.073703674, 1.3610851702, 1.3610851702, 91.325661221, 19.364134046, 95.058109835},
    {{sex::female, 108.1644, 25.1, 128.4, 15.22452228}, -0.847842958, -0.748531512, -0.57523284, -0.57523284, 28.256691769, 21.785068983, 69.885123117},
    {{sex::female, 144.756, 49.382, 157.1, 20.00858171}, 0.7585673565, 0.7470455543, 0.6081345582, 0.6081345582, 72.845088319, 25.278656395, 79.152077537},
    {{sex::female, 83.7696, 21.8, 107.5, 18.86425095}, -0.262716007, -2.705590494, 1.448214127, 1.448214127, 92.622141256, 19.621079812, 96.142776703},
    {{sex::male, 144.756, 66.2, 148.6, 29.97922286}, 2.0269439369, -0.113242888, 2.2381397324, 2.1955100683, 98.593648527, 24.25081045, 123.62152977},
    {{sex::female, 169.1508, 54.9, 169.1, 19.19928826}, 0.5048994287, 1.2933391157, -0.064269393, -0.064269393, 47.437786188, 27.30523049, 70.313591629},
    {{sex::female, 169.1508, 80.811, 171.5, 27.47528666}, 1.9944821064, 1.6572949398, 1.6655629338, 1.6562074009, 95.11600875, 27.30523049, 100.62279705},
    {{sex::male, 47.178, 13.9, 89.1, 17.50892136}, -1.315214418, -3.068929952, 1.4218302961, 1.4218302961, 92.246223886, 17.853614965, 98.069334383},
    {{sex::male, 71.5728, 20.362, 111.4, 16.40778858}, -0.083631103, -0.747367568, 0.7091820432, 0.7091820432, 76.089424237, 18.366928465, 89.33332871},
    {{sex::male, 71.5728, 19.6, 103.3, 18.36772753}, -0.368319257, -2.342228144, 1.6451535388, 1.6449518151, 95.001012588, 18.366928465, 100.00435056},
    {{sex::male, 35.2104, 18.067, 98.984, 18.43979314}, 2.0129732271, 1.1420156505, 1.719470206, 1.6713559685, 95.267430622, 18.317760894, 100.66619631},
    {{sex::male, 144.756, 53.227, 145.6, 25.10783344}, 1.2147341016, -0.518703768, 1.7642337424, 1.7103907783, 95.640318243, 24.25081045, 103.53399731},
    {{sex::male, 132.5592, 51.9, 145.5, 24.51553477}, 1.5972570234, 0.2471798541, 1.8288306906, 1.753336929, 96.022790491, 23.218720742, 105.58520877},
    {{sex::female, 95.9676, 38.1, 131.4, 22.06654018}, 1.8624986977, 0.6424030718, 1.9038402989, 1.8094923525, 96.481272641, 20.647509792, 106.87264664},
    {{sex::female, 71.5728, 23.8, 108.1, 20.36692992}, 1.002797106, -1.281467131, 2.0307826453, 1.8819469863, 97.007839302, 18.78261346, 108.43501605},
    {{sex::male, 132.5592, 43.7, 127.8, 26.75591018}, 0.9141503399, -2.336113106, 2.0755249678, 1.9778249528, 97.602577125, 23.218720742, 115.23421327},
    {{sex::female, 132.5592, 47, 127.6, 28.86665815}, 1.0338355446, -2.325111252, 2.1812268225, 2.1376536167, 98.372756667, 24.147036085, 119.5453473},
    {{sex::female, 47.178, 21.9, 101.7, 21.17396588}, 2.128852548, 0.3252131179, 2.65821009, 2.3931472998, 99.164773338, 18.029396783, 117.4413439},
    {{sex::female, 132.5592, 92.8, 155.7, 38.27989617}, 3.2128160049, 1.549190038, 2.7150491513, 3.5957767623, 99.983828747, 24.147036085, 158.52834292},
    {{sex::female, 83.7696, 50, 122.8, 33.15685047}, 3.1329509087, 0.2580729483, 2.9041932283, 4.5285985982, 99.999703119, 19.621079812, 168.98586005},
    {{sex::male, 35.2104, 25.4, 98.926, 25.95450906}, 4.4367486405, 1.1277941066, 4.7333802472, 4.6931165256, 99.999865463, 18.317760894, 141.69040207},
    {{sex::female, 25.0848, 11.1, 83.3, 15.99679488}, -0.927367617, -0.742633694, -0.259601185, -0.259601185, 39.758571113, 19.004304951, 84.174585293},
    {{sex::male, 25.0848, 15, 89.3, 18.80998032}, 1.4229555965, 0.5580890151, 1.4428872401, 1.4428872401, 92.547388091, 19.211898182, 97.907974222},
    {{sex::female, 230.1372, 55.6, 161, 21.44978975}, -0.211689539, -0.350766189, -0.041017171, -0.041017171, 48.364110364, 31.128569809, 68.907084012},
    {{sex::male, 230.1372, 70.6, 169.98, 24.43481477}, 0.1041468306, -0.932417943, 0.5541659492, 0.5541659492, 71.026736028, 29.840513518, 81.884699321},
    {{sex::male, 59.3748, 12.5, 104, 11.55695266}, -3.579713049, -0.983840048, -5.650150892, -5.650150892, 8.0153529e-07, 17.911611164, 64.522127876},
    {{sex::male, 71.5728, 15.4, 114.7, 11.70560554}, -2.466602114, -0.092158653, -5.279191717, -5.279191717, 6.4877494e-06, 18.366928465, 63.731971091},
    {{sex::female, 102.8712, 30.8, 129.6, 18.33752477}, 0.5988027756, -0.185573296, 0.9147386777, 0.9147386777, 81.983558286, 21.282158189, 86.163840186},
    {{sex::female, 102.8712, 30, 125.6, 19.01699866}, 0.4665560785, -0.861690654, 1.118666432, 1.118666432, 86.835876454, 21.282158189, 89.356532788},
    {{sex::female, 57.534, 20.5, 117.7, 14.79792887}, 1.0388133063, 2.3286267471, -0.311051777, -0.311051777, 37.788063016, 18.164385794, 81.466717551},
    // clang-format on
}};

void check(const vector_row& row) {
  const growth_result found = assess_growth(row.child);
  CHECK_THAT(found.weight.z, WithinAbs(row.weight_z, exact));
  CHECK_THAT(found.stature.z, WithinAbs(row.stature_z, exact));
  CHECK_THAT(found.bmi_z_plain, WithinAbs(row.bmi_z_plain, exact));
  CHECK_THAT(found.bmi_score.z, WithinAbs(row.bmi_z, exact));
  CHECK_THAT(found.bmi_score.percentile, WithinAbs(row.bmi_percentile, exact));
  CHECK_THAT(found.bmi_at_95th, WithinAbs(row.bmi_at_95th, exact));
  CHECK_THAT(found.percent_of_95th, WithinAbs(row.percent_of_95th, exact));
}

std::vector<double> numbers_of(std::string_view line) {
  std::vector<double> found;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(','), line.size());
    double value = no_value;
    std::from_chars(line.data(), line.data() + end, value);
    found.push_back(value);
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return found;
}

}  // namespace

TEST_CASE("a sample of children scores as in the published program") {
  for (const vector_row& row : samples) check(row);
}

TEST_CASE("all published visits score within 1e-8, in a batch and on a pool") {
  const auto file = std::filesystem::path(HASTEN_SHARED_DATA) / "growth" / "vectors_cdc_sas.csv.gz";
  if (!std::filesystem::exists(file))
    SKIP("the visits are not here; set HASTEN_SHARED_DATA to the folder above growth/");
  gz_source source(file);
  std::string text;
  std::array<char, 65536> buffer{};
  while (const std::size_t size = source.read(buffer)) text.append(buffer.data(), size);
  std::vector<std::vector<double>> rows;
  std::vector<child_measures> children;
  for (std::size_t at = text.find('\n') + 1; at < text.size(); at = text.find('\n', at) + 1) {
    rows.push_back(numbers_of(std::string_view(text).substr(at, text.find('\n', at) - at)));
    const auto& row = rows.back();
    children.push_back(
        {row.at(1) == 1 ? sex::male : sex::female, row.at(2), row.at(3), row.at(4), row.at(5)});
  }
  REQUIRE(children.size() == 13'875);
  std::vector<growth_result> results(children.size());
  std::vector<growth_result> pooled(children.size());
  assess_growth(children, results);
  hasten::worker_pool pool({.threads = 2});
  REQUIRE(assess_growth(pool, children, pooled));
  double worst = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const growth_result& found = results[i];
    // In the order of the columns, from the sixth on.
    const std::array ours{found.weight.z,
                          found.weight.percentile,
                          found.weight.modified_z,
                          found.stature.z,
                          found.stature.percentile,
                          found.stature.modified_z,
                          found.bmi_score.z,
                          found.bmi_score.percentile,
                          found.bmi_score.modified_z,
                          found.bmi_z_plain,
                          no_value,
                          found.bmi_at_95th,
                          found.percent_of_95th};
    for (std::size_t column = 0; column < ours.size(); ++column) {
      if (column != 10) worst = std::max(worst, std::abs(ours[column] - rows[i].at(6 + column)));
    }
    REQUIRE(pooled[i].bmi_score.z == found.bmi_score.z);
  }
  CHECK(worst <= exact);
}

TEST_CASE("the CDC's own example scores as printed") {
  const auto boy = assess_growth({.whose = sex::male, .age_months = 9.5, .weight_kg = 9.7});
  CHECK_THAT(boy.weight.z, WithinAbs(0.207, 0.0005));
  CHECK_THAT(boy.weight.percentile, WithinAbs(58, 0.5));
}

TEST_CASE("the median scores zero") {
  const double stature = 144.0;
  const double bmi = 16.64613844;  // of boys at 120.5 months
  const auto boy = assess_growth({.whose = sex::male,
                                  .age_months = 120.5,
                                  .weight_kg = bmi * stature * stature / 10'000,
                                  .stature_cm = stature});
  CHECK_THAT(boy.bmi_score.z, WithinAbs(0, 1e-12));
  CHECK_THAT(boy.bmi_score.percentile, WithinAbs(50, 1e-12));
  CHECK(boy.category == weight_class::healthy);
}

TEST_CASE("the ends of the charts are exact") {
  CHECK_THAT(assess_growth({.whose = sex::male, .age_months = 0, .weight_kg = 3.530203168}).weight.z,
             WithinAbs(0, 1e-12));
  CHECK_THAT(assess_growth({.whose = sex::female, .age_months = 240, .stature_cm = 163.338251}).stature.z,
             WithinAbs(0, 1e-12));
  CHECK(std::isnan(assess_growth({.whose = sex::male, .age_months = 240.01, .weight_kg = 70}).weight.z));
  CHECK(std::isnan(assess_growth({.whose = sex::male, .age_months = -0.01, .weight_kg = 3}).weight.z));
}

TEST_CASE("what cannot be said is left out, and what can be is not") {
  const auto baby =
      assess_growth({.whose = sex::female, .age_months = 23.9, .weight_kg = 12, .stature_cm = 85});
  CHECK_FALSE(std::isnan(baby.weight.z));
  CHECK(std::isnan(baby.stature.z));  // stature begins at 24 months
  CHECK(std::isnan(baby.bmi));
  CHECK(baby.category == weight_class::unknown);
  const auto unweighed = assess_growth({.whose = sex::female, .age_months = 60, .stature_cm = 108});
  CHECK(std::isnan(unweighed.weight.z));
  CHECK_FALSE(std::isnan(unweighed.stature.z));
  CHECK(std::isnan(unweighed.bmi));
  for (const double nonsense : {0.0, -5.0, no_value, std::numeric_limits<double>::infinity()}) {
    const auto odd =
        assess_growth({.whose = sex::male, .age_months = 60, .weight_kg = nonsense, .stature_cm = 108});
    CHECK(std::isnan(odd.weight.z));
    CHECK(std::isnan(odd.bmi));
  }
  CHECK(std::isnan(assess_growth({.whose = sex::male, .age_months = no_value, .weight_kg = 20}).weight.z));
}

TEST_CASE("an extreme body-mass index is capped in its score and never infinite") {
  const auto boy =
      assess_growth({.whose = sex::male, .age_months = 186.5, .weight_kg = 300, .stature_cm = 100});
  CHECK(boy.bmi_score.z == 8.21);
  CHECK(boy.bmi_score.percentile <= 100.0);
  CHECK(boy.category == weight_class::severely_obese);
}

TEST_CASE("children fall into the classes by their percentile and by 120 percent of the 95th") {
  const auto class_at = [](double bmi) {
    return assess_growth({.whose = sex::male, .age_months = 120.5, .weight_kg = bmi, .stature_cm = 100})
        .category;
  };
  // At this age the 95th percentile is 22.154092.
  CHECK(class_at(13.5) == weight_class::underweight);
  CHECK(class_at(17) == weight_class::healthy);
  CHECK(class_at(20.5) == weight_class::overweight);
  CHECK(class_at(22.16) == weight_class::obese);
  CHECK(class_at(26.6) == weight_class::severely_obese);
  CHECK(name_of(weight_class::severely_obese) == "severely obese");
}

TEST_CASE("a batch of another length than its results is refused") {
  const std::vector<child_measures> children(3);
  std::vector<growth_result> results(2);
  CHECK_THROWS_AS(assess_growth(children, results), std::invalid_argument);
  hasten::worker_pool pool({.threads = 1});
  CHECK_THROWS_AS(assess_growth(pool, children, results), std::invalid_argument);
}

TEST_CASE("a batch that is asked to stop says that it is not complete") {
  const std::vector<child_measures> children(5'000);
  std::vector<growth_result> results(5'000);
  hasten::worker_pool pool({.threads = 1});
  std::stop_source stop;
  stop.request_stop();
  CHECK_FALSE(assess_growth(pool, children, results, stop.get_token()));
}
