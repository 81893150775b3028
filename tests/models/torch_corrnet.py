"""CorrNet in PyTorch, written from its description, with the names its published checkpoints use.

The reference that weights are imported from and logits are compared with.
"""

import math

import torch
from torch import nn
from torch.nn import functional

HALO = 6  # copies of a clip's first and last frame, for K5-P2-K5-P2


class Correlation(nn.Module):
    """x (B, C, T, H, W) -> correlation times identification, of the same shape."""

    def __init__(self, channels: int):
        super().__init__()
        few = channels // 16
        self.down_conv = nn.Conv3d(channels, few, 1, bias=False)
        self.down_conv2 = nn.Conv3d(channels, channels, 1, bias=False)
        for i in (1, 2, 3):
            spatial = nn.Conv3d(few, few, (9, 3, 3), padding=(4, i, i), dilation=(1, i, i), groups=few)
            setattr(self, f"spatial_aggregation{i}", spatial)
        self.weights = nn.Parameter(torch.ones(3) / 3)
        self.weights2 = nn.Parameter(torch.ones(2) / 2)
        self.conv_back = nn.Conv3d(few, channels, 1, bias=False)

    def forward(self, x):
        values = self.down_conv2(x)
        shape = values.shape
        after = torch.cat([values[:, :, 1:], values[:, :, -1:]], 2)
        before = torch.cat([values[:, :, :1], values[:, :, :-1]], 2)
        found = 0
        for weight, neighbour in zip(self.weights2, (after, before), strict=True):
            here, there = (y.flatten(3).permute(0, 2, 3, 1) for y in (x, neighbour))  # (B, T, HW, C)
            affinity = torch.sigmoid(here @ there.transpose(-1, -2)) - 0.5
            found = found + weight * (affinity @ there)
        found = found.permute(0, 3, 1, 2).reshape(shape)
        few = self.down_conv(x)
        spread = sum(self.weights[i] * getattr(self, f"spatial_aggregation{i + 1}")(few) for i in range(3))
        return found * (torch.sigmoid(self.conv_back(spread)) - 0.5)


class Block(nn.Module):
    """A basic block of ResNet, as convolutions with a time kernel of 1."""

    def __init__(self, inside: int, outside: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv3d(inside, outside, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False)
        self.bn1 = nn.BatchNorm3d(outside)
        self.conv2 = nn.Conv3d(outside, outside, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.bn2 = nn.BatchNorm3d(outside)
        self.downsample = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(
                nn.Conv3d(inside, outside, 1, (1, stride, stride), bias=False), nn.BatchNorm3d(outside)
            )

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class Frames(nn.Module):
    """The network of frames: (B, 3, T, H, W) -> (B, T, C)."""

    def __init__(self, widths, blocks):
        super().__init__()
        self.conv1 = nn.Conv3d(3, widths[0], (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False)
        self.bn1 = nn.BatchNorm3d(widths[0])
        self.alpha = nn.Parameter(torch.zeros(3))
        inside = widths[0]
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True), start=1):
            stride = 1 if stage == 1 else 2
            members = [Block(inside if i == 0 else width, width, stride if i == 0 else 1) for i in range(count)]
            setattr(self, f"layer{stage}", nn.Sequential(*members))
            if stage > 1:
                setattr(self, f"corr{stage - 1}", Correlation(width))
            inside = width

    def features(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))
        x = self.layer1(x)
        for stage in (2, 3, 4):
            x = getattr(self, f"layer{stage}")(x)
            x = x + self.alpha[stage - 2] * getattr(self, f"corr{stage - 1}")(x)
        return x

    def forward(self, x):
        return self.features(x).mean((3, 4)).transpose(1, 2)


class NormLinear(nn.Module):
    def __init__(self, inside: int, outside: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inside, outside))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x):
        return x @ functional.normalize(self.weight, dim=0)


class Temporal(nn.Module):
    """Convolutions over time: (B, C, T) -> (B, width, T')."""

    def __init__(self, inside: int, width: int, classifier: NormLinear):
        super().__init__()
        self.temporal_conv = nn.Sequential(
            nn.Conv1d(inside, width, 5), nn.BatchNorm1d(width), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(width, width, 5), nn.BatchNorm1d(width), nn.ReLU(), nn.MaxPool1d(2),
        )  # fmt: skip
        self.fc = classifier


class Sequence(nn.Module):
    """The LSTMs."""

    def __init__(self, width: int):
        super().__init__()
        self.rnn = nn.LSTM(width, width // 2, num_layers=2, dropout=0.3, bidirectional=True)


class TorchCorrNet(nn.Module):
    """CorrNet for one clip at a time."""

    def __init__(self, classes: int, widths=(64, 128, 256, 512), blocks=(2, 2, 2, 2), width: int = 1024):
        super().__init__()
        self.conv2d = Frames(widths, blocks)
        self.classifier = NormLinear(width, classes)
        self.conv1d = Temporal(widths[-1], width, self.classifier)
        self.temporal_model = Sequence(width)

    def forward(self, video):
        """A clip (T, 3, H, W) -> its sequence logits, convolution logits (ceil(T/4), classes), frame features."""
        frames = len(video)
        right = HALO + 4 * math.ceil(frames / 4) - frames
        padded = torch.cat([video[:1].expand(HALO, -1, -1, -1), video, video[-1:].expand(right, -1, -1, -1)])
        features = self.conv2d.features(padded.transpose(0, 1)[None])
        conv = self.conv1d.temporal_conv(features.mean((3, 4)))  # (1, width, T')
        sequence, _ = self.temporal_model.rnn(conv.permute(2, 0, 1))
        return self.classifier(sequence)[:, 0], self.conv1d.fc(conv[0].T), features[0, :, HALO : HALO + frames]


def randomised(*shape, seed: int = 0, **options) -> TorchCorrNet:
    """A network with weights and statistics in which every part of it shows in the logits."""
    generator = torch.manual_seed(seed)
    network = TorchCorrNet(*shape, **options)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2, generator=generator)
            elif name.endswith("running_mean"):
                value.normal_(0, 0.2, generator=generator)
            elif ".bn" in name or "downsample.1" in name or "temporal_conv.1." in name or "temporal_conv.5." in name:
                if value.dtype.is_floating_point:
                    value.normal_(1 if name.endswith("weight") else 0, 0.2, generator=generator)
            elif name.endswith("alpha"):
                value.copy_(torch.tensor([0.7, -0.9, 1.3]))
            elif name.endswith(("weights", "weights2", "bias")):
                value.add_(torch.empty_like(value).uniform_(-0.2, 0.4, generator=generator))
            elif "spatial_aggregation" in name or "conv_back" in name:
                value.normal_(0, 0.3, generator=generator)
    return network.eval()
