// SPDX-License-Identifier: BSL-1.0
// Whatever is done to a cache, in whatever order: it says what a plain map says, as long as nothing has to be evicted, and
// never anything outdated when something has.
#include <hasten/cache/memory_cache.hpp>
#include <hasten/core/unique_function.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

void require(bool holds) {
  if (!holds) std::abort();
}

template <class T>
T made(std::uint64_t number) {
  if constexpr (std::is_same_v<T, std::string>)
    return (number % 2 == 0 ? "even:" : "odd:") + std::to_string(number);
  else
    return number;
}

/// A cache, what it should hold, and the operations that bytes stand for.
template <class T>
class machine {
 public:
  explicit machine(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  void run() {
    while (!bytes_.empty()) {
      step();
      require(cache_.size() <= bound_);
    }
    for (std::uint64_t key = 0; key < keys; ++key) check(key, cache_.get(made<T>(key)));
  }

 private:
  static constexpr std::uint64_t keys = 24;
  static constexpr auto ttl = 60s;

  struct held {
    T value;
    hasten::steady_time until;
  };
  struct task {
    hasten::unique_function<void()> work;
    std::uint64_t key;
    bool forgotten = false;
  };

  std::uint8_t next() {
    if (bytes_.empty()) return 0;
    const std::uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }

  void step() {
    const std::uint64_t key = next() % keys;
    switch (next() % 12) {
      case 0:
        put(key, ttl);
        break;
      case 1:
        put(key, std::chrono::seconds(1 + next()));
        break;
      case 2:
        check(key, cache_.get(made<T>(key)));
        break;
      case 3:
        load(key);
        break;
      case 4:
        fail(key);
        break;
      case 5:
        forget(key);
        require(cache_.erase(made<T>(key)) == present(key) || evicts_ || expired(key));
        model_.erase(key);
        break;
      case 6:
        clock_.advance(std::chrono::seconds(next() % 64));
        break;
      case 7:
        for (std::uint64_t each = 0; each < keys; ++each) forget(each);
        cache_.clear();
        model_.clear();
        break;
      case 8:
        erase_some();
        break;
      case 9:
        later(key);
        break;
      case 10:
        run_task();
        break;
      default:
        if (next() % 4 == 0)
          resize();
        else
          load_all(key);
    }
  }

  [[nodiscard]] bool present(std::uint64_t key) const {
    const auto entry = model_.find(key);
    return entry != model_.end() && clock_.now() < entry->second.until;
  }
  [[nodiscard]] bool expired(std::uint64_t key) const { return model_.contains(key) && !present(key); }
  [[nodiscard]] bool pending(std::uint64_t key) const {
    for (const task& each : tasks_)
      if (each.key == key && !each.forgotten) return true;
    return false;
  }
  void forget(std::uint64_t key) {
    for (task& each : tasks_)
      if (each.key == key) each.forgotten = true;
  }

  void check(std::uint64_t key, const std::optional<T>& found) {
    if (found) {
      require(present(key) && model_.at(key).value == *found);
    } else {
      require(evicts_ || !present(key));
      model_.erase(key);
    }
  }

  void put(std::uint64_t key, std::chrono::nanoseconds time) {
    const T value = made<T>(++versions_);
    forget(key);
    cache_.put(made<T>(key), value, time);
    model_.insert_or_assign(key, held{value, clock_.now() + time});
  }

  void load(std::uint64_t key) {
    if (pending(key)) return;  // would wait for the task, which nobody else runs
    bool loaded = false;
    const T value = cache_.get_or_load(made<T>(key), [&] {
      loaded = true;
      return made<T>(++versions_);
    });
    if (loaded) {
      require(evicts_ || !present(key));
      model_.insert_or_assign(key, held{value, clock_.now() + ttl});
    } else {
      check(key, value);
    }
  }

  void fail(std::uint64_t key) {
    if (pending(key)) return;
    try {
      check(key, cache_.get_or_load(made<T>(key), []() -> T { throw std::runtime_error("down"); }));
    } catch (const std::runtime_error&) {
      check(key, std::nullopt);
    }
  }

  void erase_some() {
    for (std::uint64_t key = 0; key < keys; key += 2) forget(key);
    if constexpr (std::is_same_v<T, std::string>)
      cache_.erase_prefix("even:");
    else
      for (std::uint64_t key = 0; key < keys; key += 2) cache_.erase(key);
    std::erase_if(model_, [](const auto& each) { return each.first % 2 == 0; });
  }

  void later(std::uint64_t key) {
    const std::size_t before = tasks_.size();
    const auto load = [this] { return made<T>(++versions_); };
    const auto executor = [this, key](hasten::unique_function<void()> work) {
      tasks_.push_back({std::move(work), key});
    };
    if (!present(key) && !pending(key) && next() % 2 == 0) {
      auto asked = cache_.get_or_load_async(made<T>(key), load, executor);
      require(tasks_.size() <= before + 1);
    } else if (present(key) && !evicts_) {
      check(key, cache_.get_or_load(made<T>(key), load, executor));  // renews what is due
    }
  }

  void run_task() {
    if (tasks_.empty()) return;
    task mine = std::move(tasks_.front());
    tasks_.pop_front();
    const std::uint64_t before = versions_;
    mine.work();
    if (!mine.forgotten && versions_ != before)
      model_.insert_or_assign(mine.key, held{made<T>(versions_), clock_.now() + ttl});
  }

  void load_all(std::uint64_t key) {
    const std::uint64_t second = (key + 1) % keys;
    if (pending(key) || pending(second)) return;
    const std::vector<T> wanted = {made<T>(key), made<T>(second), made<T>(key)};
    std::map<T, T> loaded;
    const auto values = cache_.get_or_load_all(wanted, [&](std::span<const T> missing) {
      std::vector<std::optional<T>> out;
      for (const T& each : missing) out.emplace_back(loaded[each] = made<T>(++versions_));
      return out;
    });
    for (const std::uint64_t each : {key, second})
      if (const auto fresh = loaded.find(made<T>(each)); fresh != loaded.end())
        model_.insert_or_assign(each, held{fresh->second, clock_.now() + ttl});
    require(values[0] == values[2] && values[0] && values[1]);
    require(model_.at(key).value == *values[0] && model_.at(second).value == *values[1]);
  }

  void resize() {
    bound_ = 4 + next() % 28;
    cache_.resize(bound_);
    evicts_ = true;
  }

  std::span<const std::uint8_t> bytes_;
  hasten::manual_clock clock_;
  std::deque<task> tasks_;
  std::map<std::uint64_t, held> model_;
  std::uint64_t versions_ = 1'000;
  std::size_t bound_ = 32;
  bool evicts_ = false;
  hasten::memory_cache<T, T, hasten::cache_hash<T>, std::equal_to<>, hasten::manual_clock> cache_{
      {.entries_max = 32,
       .ttl = ttl,
       .shards = 1,
       .seed = 5,
       .soft_ttl = 30s,
       .insight = {.hot_keys_max = 4, .namespaces_max = 2, .miss_ratios = true, .sample_every = 2}},
      clock_};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  machine<std::uint64_t>({data, size}).run();
  machine<std::string>({data, size}).run();
  return 0;
}
