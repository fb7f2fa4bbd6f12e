// Colorize a photograph in C++: colorize MODEL.pixels.onnx old.ppm new.ppm
// A model that takes hints gets the colours of places that follow: 0.41,0.62,#4b5320
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <openvino/openvino.hpp>

namespace {

// sRGB, uint8 (1, H, W, 3), of a binary PPM file: netpbm's P6, without comments
ov::Tensor read_ppm(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string magic;
    std::size_t width = 0, height = 0, maximum = 0;
    if (!(file >> magic >> width >> height >> maximum) || magic != "P6" || maximum != 255)
        throw std::runtime_error(path + ": not a PPM file of 8 bits");
    file.get();
    ov::Tensor rgb(ov::element::u8, {1, height, width, 3});
    if (!file.read(reinterpret_cast<char*>(rgb.data<uint8_t>()), rgb.get_byte_size()))
        throw std::runtime_error(path + ": cut short");
    return rgb;
}

void write_ppm(const std::string& path, const ov::Tensor& rgb) {
    const ov::Shape& shape = rgb.get_shape();
    std::ofstream file(path, std::ios::binary);
    file << "P6\n" << shape[2] << ' ' << shape[1] << "\n255\n";
    if (!file.write(reinterpret_cast<const char*>(rgb.data<uint8_t>()), rgb.get_byte_size()))
        throw std::runtime_error(path + ": cannot be written");
}

// x, y, red, green and blue of each hint: float32 (1, P, 5); a point with a negative x is none
ov::Tensor read_hints(const std::vector<std::string>& hints) {
    ov::Tensor points(ov::element::f32, {1, std::max<std::size_t>(hints.size(), 1), 5});
    float* point = points.data<float>();
    std::fill(point, point + points.get_size(), -1.0f);
    for (const std::string& hint : hints) {
        unsigned red, green, blue;
        if (std::sscanf(hint.c_str(), "%f,%f,#%2x%2x%2x", point, point + 1, &red, &green, &blue) != 5)
            throw std::runtime_error(hint + ": not as 0.41,0.62,#4b5320");
        point[2] = red, point[3] = green, point[4] = blue;
        point += 5;
    }
    return points;
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 4) {
        std::cerr << "usage: colorize MODEL.pixels.onnx OLD.ppm NEW.ppm [X,Y,#RRGGBB...]\n";
        return 2;
    }
    try {
        ov::Core core;
        // float32: bfloat16 would move the colours
        ov::CompiledModel model = core.compile_model(
            arguments[1], "CPU", ov::hint::inference_precision(ov::element::f32));
        ov::InferRequest request = model.create_infer_request();
        request.set_tensor("rgb", read_ppm(arguments[2]));
        const std::vector<std::string> hints(arguments + 4, arguments + count);
        if (!hints.empty() || model.inputs().size() > 1)
            request.set_tensor("hints", read_hints(hints));
        request.infer();
        write_ppm(arguments[3], request.get_tensor("colored"));
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
        return 1;
    }
}
