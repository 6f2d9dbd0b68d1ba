"""A decoder with operations that no preset uses."""

import torch
from torch import nn
from torch.nn import functional


class OddDecoder(nn.Module):
    """Groups, dilation, odd strides, normalizations, attention, interpolation, and more."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.dense = nn.Linear(8, 6 * 5 * 4)
        self.grouped = nn.Conv2d(6, 8, 3, padding=1, groups=2)
        self.group_norm, self.layer_norm = nn.GroupNorm(2, 8), nn.LayerNorm(8)
        self.batch_norm = nn.BatchNorm2d(8)
        self.batch_norm(3 * torch.randn(9, 8, 6, 6) + 1)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.strided = nn.Conv2d(8, 8, (3, 2), stride=(2, 1), padding=(0, 1), bias=False)
        self.transposed = nn.ConvTranspose2d(
            8, 4, 3, stride=3, padding=1, output_padding=1, dilation=2
        )
        self.shuffle, self.prelu = nn.PixelShuffle(2), nn.PReLU()

    def forward(self, z):
        x = self.grouped(self.dense(z).view(-1, 6, 5, 4))
        x = functional.silu(self.group_norm(x)) + functional.gelu(self.batch_norm(x))
        x = x * (1 + functional.elu(z))[:, :8, None, None]
        x = functional.interpolate(x, scale_factor=2, mode="nearest")
        x = functional.interpolate(x, size=(13, 9), mode="bilinear")
        y = self.layer_norm(x.flatten(2).transpose(1, 2))
        y = (y + self.attention(y, y, y, need_weights=False)[0]).softmax(2)
        x = self.strided(x + y.transpose(1, 2).reshape(x.shape))
        a, b = x.chunk(2, 1)
        x = torch.cat([functional.mish(a), functional.softplus(b)], 1)
        x = functional.pad(
            functional.pad(x, (1, 2, 0, 1), mode="reflect"), (1, 1, 1, 1), value=0.5
        )
        x = self.shuffle(self.prelu(self.transposed(x)))
        x = functional.hardtanh(x.roll(1, 2)) + x.mean((2, 3), keepdim=True) - x.flip(3)
        x = x + x.amax(1, keepdim=True) + x.std(3, keepdim=True) + torch.zeros_like(x)
        return (x.where(x > 0.1, 0.5 - x).abs().add(0.1).sqrt() - functional.relu6(x).square(),)
