// kiln: the command line. Knows no modality: a plugin's description becomes a command, its request
// schema the command's flags.
#include <algorithm>
#include <cstdio>
#include <list>

#include "apps/kiln/commands.h"

namespace kiln::app {

struct Modality {
    const sdk::Plugin& plugin;
    CLI::App* command;
    Flags flags;
    std::string output;
};

struct Line {
    CLI::App app{
        "Kiln turns text into pictures, video, sound and 3D on any GPU that speaks Vulkan.",
        "kiln"};
    std::list<Modality> modalities;
    CLI::App *devices = nullptr, *models = nullptr, *inspect = nullptr, *bench = nullptr,
             *quantize = nullptr;
    std::string file, target, type = "q8_0";
    BenchOptions bench_options;
    bool all = false, tune = false;
};

static void add_global(CLI::App& app, Global& global) {
    app.set_version_flag("--version", KILN_VERSION);
    app.add_option("--device", global.device,
                   "The device to use: its number or a part of its name, see kiln devices")
        ->type_name("N|NAME")
        ->group("Everywhere");
    app.add_option("--caps", global.caps,
                   "Use no more of the device than this profile: minimal, mobile, desktop")
        ->type_name("PROFILE")
        ->group("Everywhere");
    app.add_option("--memory", global.memory,
                   "Use at most this much device memory, such as 6G or 512M")
        ->type_name("LIMIT")
        ->group("Everywhere");
    app.add_option("--models", global.models,
                   "Folders with models, joined by ':' (default: KILN_MODELS)")
        ->type_name("FOLDERS")
        ->group("Everywhere");
    app.add_flag("--no-tuning", global.no_tuning,
                 "Use a new device at once, without testing and measuring its kernels first")
        ->group("Everywhere");
    app.add_flag("--json", global.json, "One JSON object a line on stdout")->group("Everywhere");
    app.add_flag("--quiet", global.quiet, "No progress and no notes, only errors")
        ->group("Everywhere");
}

static void add_quantize(Line& line) {
    line.quantize =
        line.app.add_subcommand("quantize", "Write a checkpoint as GGUF with smaller weights")
            ->group("Make");
    line.quantize
        ->add_option("input", line.file, "A .safetensors or .gguf file, or a model's folder")
        ->required()
        ->option_text(" ");
    line.quantize
        ->add_option("-o,--output", line.target, "The .gguf file to write, or a model's folder")
        ->required()
        ->type_name("FILE");
    line.quantize
        ->add_option("--type", line.type,
                     "Of linear layers: f16, q8_0, q6_k, q5_k, q5_1, q5_0, q4_k, q4_1 or q4_0 "
                     "(default: q8_0)")
        ->type_name("TYPE");
}

static void add_bench(Line& line) {
    BenchOptions& o = line.bench_options;
    CLI::App& bench = *line.app.add_subcommand("bench", "How fast this device is")->group("Look");
    line.bench = &bench;
    bench
        .add_option(
            "what", o.what,
            "ops, one operator such as matmul or \"matmul 4096x4096x4096\", pipelines, a step "
            "of unet, vae or vocoder, splat, or a command such as image (default: ops)")
        ->option_text(" ");
    auto add = [&](const char* name, auto& value, const char* type, const char* help) {
        bench.add_option(name, value, help)->type_name(type);
    };
    add("--seconds", o.seconds, "X", "How long to measure each operator (default: 0.5)");
    add("--model", o.model, "MODEL", "Of networks: a folder or file (default: Kiln's own)");
    add("--size", o.size, "WxH",
        "Of the picture, as 768x512 or 512 (default: the model's; splat: 512 and 1024)");
    add("--batch", o.batch, "N", "Pictures at a time (default: 2 for unet, else 1)");
    add("--steps", o.steps, "N",
        "How many steps of a network, or pictures of splats, to measure (default: 5)");
    add("--splats", o.splats, "N,N", "How many (default: 10000,100000,1000000)");
    bench.get_option("--splats")->delimiter(',');
    add("--precision", o.precision, "TYPE", "Of activations: f32, f16 or bf16 (default: as image)");
    add("--compare", o.compare, "FILE",
        "Rows of an earlier run with --json; exit status 1 if one has become slower");
    add("--tolerance", o.tolerance, "PERCENT", "By which a row may be slower (default: 10)");
    add("--profile", o.profile, "FILE",
        "Write a step of unet, vae or vocoder for chrome://tracing");
    add("--roofline", o.roofline, "FILE", "Draw the kernels below the device's limits, as SVG");
}

static void build(Line& line, Global& global, const sdk::Registry& registry) {
    CLI::App& app = line.app;
    app.failure_message([](const CLI::App*, const CLI::Error&) { return std::string(); });
    app.allow_extras();
    app.require_subcommand(0, 1);   // so that a prompt may be the name of a command
    app.fallthrough();              // inherited by the commands: global flags may stand anywhere
    app.get_formatter()->column_width(34);
    add_global(app, global);
    for (const sdk::Plugin& plugin : registry.plugins()) {
        CLI::App* command = app.add_subcommand(plugin.name(), plugin.summary())->group("Make");
        Modality& m = line.modalities.emplace_back(
            Modality{plugin, command, Flags(*command, plugin.schema()), ""});
        command->footer("Flags that every command takes: kiln --help");
        std::string kinds;
        for (const auto& kind : plugin.outputs())
            kinds += (kinds.empty() ? "." : ", .") + kind.extension;
        command
            ->add_option("-o,--output", m.output,
                         "File to write (" + kinds +
                             "), or a folder for a new file (default: a new file here, named "
                             "after the prompt or the input)")
            ->type_name("FILE")
            ->group("Output");
    }
    line.devices =
        app.add_subcommand("devices", "What was found, what was chosen, and why each other was not")
            ->group("Look");
    line.devices->add_flag("--tune", line.tune,
                           "Test and measure the kernels of the chosen device anew");
    line.models = app.add_subcommand("models", "What can be run")->group("Look");
    line.inspect =
        app.add_subcommand("inspect", "What a checkpoint is, or what a file was made with")
            ->group("Look");
    line.inspect
        ->add_option(
            "file", line.file,
            "A .safetensors or .gguf file, a folder with some, a PNG picture, a sound or splats")
        ->required()
        ->option_text(" ");
    line.inspect->add_flag("--all", line.all, "Every tensor, not only a summary");
    add_bench(line);
    add_quantize(line);
}

static std::string nearest(const std::string& word, const std::vector<std::string>& known) {
    auto distance = [](const std::string& a, const std::string& b) {   // Wagner and Fischer 1974
        std::vector<size_t> row(b.size() + 1);
        for (size_t j = 0; j <= b.size(); j++) row[j] = j;
        for (size_t i = 1; i <= a.size(); i++) {
            size_t diagonal = row[0];
            row[0] = i;
            for (size_t j = 1; j <= b.size(); j++) {
                size_t change = diagonal + (a[i - 1] != b[j - 1]);
                diagonal = row[j];
                row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
            }
        }
        return row.back();
    };
    std::string best;
    size_t least = std::max<size_t>(1, word.size() / 3) + 1;
    for (const std::string& k : known)
        if (size_t d = distance(word, k); d < least) least = d, best = k;
    return best.empty() ? "" : "; did you mean " + best + "?";
}

// A word that no command or flag took: what it may have been meant to be.
static std::string unexpected(const std::string& word, const CLI::App& command,
                              const sdk::Registry& registry) {
    std::vector<std::string> known;
    if (word.starts_with('-')) {
        std::string flag = word.substr(0, word.find('='));
        for (const CLI::App* a = &command; a; a = a->get_parent())
            for (const CLI::Option* option : a->get_options())
                for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
        return "there is no flag " + flag + nearest(flag, known);
    }
    if (command.get_parent()) return "unexpected \"" + word + '"';
    for (const CLI::App* c : command.get_subcommands({})) known.push_back(c->get_name());
    std::string text = "there is no command " + word + nearest(word, known);
    for (const auto& refusal : registry.refused()) text += "\nkiln: not loaded: " + refusal.reason;
    return text;
}

static int dispatch(Line& line, const Global& global, const sdk::Registry& registry) {
    CLI::App& app = line.app;
    auto chosen = app.get_subcommands();
    if (auto rest = app.remaining(true); !rest.empty()) {
        const CLI::App& command = chosen.empty() ? app : *chosen.front();
        throw sdk::Failure(KILN_USAGE, unexpected(rest.front(), command, registry));
    }
    if (chosen.empty()) throw sdk::Failure(KILN_USAGE, "no command given\n\n" + app.help());
    if (chosen.front() == line.devices) return devices(global, line.tune);
    if (chosen.front() == line.models) return models(global, registry);
    if (chosen.front() == line.bench) return bench(global, registry, line.bench_options);
    if (chosen.front() == line.inspect) return inspect(global, registry, line.file, line.all);
    if (chosen.front() == line.quantize) return quantize(global, line.file, line.target, line.type);
    for (const Modality& m : line.modalities)
        if (chosen.front() == m.command)
            return generate(global, m.plugin, m.flags.fill(), m.output);
    return KILN_FAILED;
}

static int run(int argc, char** argv) {
    Global global;
    global.environment = read_environment();
    try {
        sdk::Registry registry(global.environment.plugins);
        Line line;
        build(line, global, registry);
        try {
            line.app.parse(argc, argv);
        } catch (const CLI::Success& asked) {   // --help, --version
            return line.app.exit(asked);
        } catch (const CLI::ParseError& wrong) {
            throw sdk::Failure(KILN_USAGE, wrong.what());
        }
        return dispatch(line, global, registry);
    } catch (const sdk::Failure& failure) {
        if (global.json)
            std::printf("%s\n", sdk::Json({{"event", "error"},
                                           {"status", int(failure.status)},
                                           {"message", failure.what()}})
                                    .dump()
                                    .c_str());
        std::fprintf(stderr, "kiln: %s\n", failure.what());
        return failure.status;
    } catch (const std::exception& defect) {
        std::fprintf(stderr, "kiln: %s (a defect of kiln)\n", defect.what());
        return KILN_FAILED;
    }
}

}   // namespace kiln::app

int main(int argc, char** argv) { return kiln::app::run(argc, argv); }
