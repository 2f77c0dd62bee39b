// What is known of the kernel variants of one device beyond its Caps: how fast each was measured
// to be, and which must not be used. Operators choose among their variants by it.
//
// A variant is named "<operator>.<family> <tile>", as in "matmul.shared 64x64".
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace kiln {

struct Measured {
    double speed;         // relative to the other variants of its operator; 0: not to be used
    std::string reason;   // why not, when not
};

using Guesses = std::map<std::string, double, std::less<>>;   // of speeds, by variant

class Tuning {
public:
    // A tuning that leaves only those variants of an operator whose names begin with `variant`:
    // for tests, which force each in turn. Other operators stay as they are.
    static Tuning only(std::string_view variant);

    // The measured speed of a variant, or `guess` where nothing was measured. 0: not to be used.
    double speed(std::string_view variant, double guess) const;
    // Notes every name that speed() is asked for, with its guess.
    void note(std::shared_ptr<Guesses> guesses) { asked_ = std::move(guesses); }
    void set(std::string_view variant, Measured measured);

    const std::map<std::string, Measured, std::less<>>& measured() const { return measured_; }

private:
    std::map<std::string, Measured, std::less<>> measured_;
    std::string only_;
    std::shared_ptr<Guesses> asked_;
};

}   // namespace kiln
